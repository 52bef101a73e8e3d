"""Settings of the statement service."""

import os

BUCKET = os.environ.get("STATEMENTS_BUCKET", "statements")
STRIPE_KEY = os.environ["STRIPE_KEY"]
