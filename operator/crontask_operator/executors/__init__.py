"""How an attempt is carried out: as a pod, or as an HTTP call."""
