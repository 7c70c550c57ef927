"""Ablations: train small models on curated and raw mixes, and say with honest statistics what the curation bought."""
