"""The embedded cluster's network policy engine: NetworkPolicies as rules of the node's kernel."""
