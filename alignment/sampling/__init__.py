"""Questions put to a policy, loaded here or at an endpoint, and the draws it gives."""
