"""Interchange of protocols with aurora-unicycler and, through it, with cyclers and PyBaMM.

Pure: documents and texts in, documents, texts and findings out; the commands read and write.
"""
