"""What logits mean and how good they are, for both halves: NumPy and SciPy, no files, no Paddle."""
