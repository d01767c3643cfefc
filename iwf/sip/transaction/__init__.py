"""SIP transactions: machines without IO that take ``now``."""
