"""The machine beneath: errors, files, processes, the device. Knows nothing of networks or data."""
