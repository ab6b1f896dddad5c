"""The model as pure torch modules: tensors in, tensors out; no files, no tokenizer."""
