"""The report: what the result files of one experiment say, as tables and a page.

``collect`` reads, ``verdict`` states, ``tables``, ``figures``, ``mels`` and
``pages`` show. Every number keeps the path of the file that it was read from.
"""
