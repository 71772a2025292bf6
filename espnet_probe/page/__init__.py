"""The page that people open: numbers, sounds and pictures of one or several models.

``experiments`` says whose results there are and ``conditions`` what the models heard;
``curves``, ``noise_kept`` and ``utterances`` make the parts of the page's data,
``tables`` and ``provenance`` what can be read without a script. ``assets`` holds the
files beside the page, and ``write`` puts everything in place.
"""
