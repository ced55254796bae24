"""The endpoints of the OCI distribution spec, and the token service that Docker clients expect beside them."""
