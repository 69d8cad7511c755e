"""What networks are made of: convolution and pooling, activations, normalisation, first weights."""
