"""A run on disk, the contract between the halves: each module reads and writes one file of it.

runs/lenet7_relu/seed0/                         folder
  config.yaml         resolved, written first   pm_cls.config
  environment.json    provenance                environment
  metrics.jsonl       one object an epoch       epochs
  train.log           for people; nothing reads it
  checkpoint/         what going on needs; gone once it is finished    pm_cls.train.checkpoint
  weights_epoch5.safetensors                    pm_cls.models.weights
  predictions_epoch5.csv                        predictions
  calibration.json    what answers are worth; familiar.safetensors: features of the training images
                                                calibration
  result.json         written last: it exists if and only if the run is finished    result
  stress.csv          under changes of camera and operator    stress
  evaluations/        of other data: NAME.json, NAME.csv    evaluations
  inspection/         gradients.csv             gradients
                      looks.*                   saliency
                      responses.safetensors     responses

Beside the report: baselines.csv (baselines) and networks.csv (networks).
"""
