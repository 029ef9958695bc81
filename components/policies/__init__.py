"""Admission policies: what an identity may do beyond what RBAC can say. RBAC names verbs and objects, these name fields."""
