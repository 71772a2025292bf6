"""The listening test: a page of triplets, and what people answer."""
