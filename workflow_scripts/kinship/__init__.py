"""How similar languages are, and what that says about retrieval and transfer between them."""
