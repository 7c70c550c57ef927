"""Train small models on mixes of documents, and say with honest statistics what curation bought."""
