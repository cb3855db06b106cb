"""Images that are made: of digits, of bits, a pure function of seed and index.

Intriguing Properties of Contrastive Losses (Chen, Luo and Li 2020, arXiv
2011.02803) asks with them which of two features an encoder learns.
"""
