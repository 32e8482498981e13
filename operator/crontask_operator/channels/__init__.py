"""The ways by which a notification leaves: HTTP requests (webhook, Slack) and e-mail.

Each is a `Channel`. What they tell of a delivery holds nothing that came from a Secret.
"""
