"""Photographs: files below a folder, or in archives -> decoded arrays with labels."""
