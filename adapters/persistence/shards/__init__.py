"""Several shards as one (adr 0025): each is a log with tables of its own, put side by side here.

A database of one shard uses none of this but the layout.
"""
