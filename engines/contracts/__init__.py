"""The types that cross package borders: what engines are given and what they answer.

Read first: ``requests`` (the question), ``state`` (what may be looked at), ``results`` (the
answer), ``plan`` (the steps an answer may hold), ``verdict`` (the safety layers' judgement).

What a state is made of
    ``snapshot``            a cluster: nodes, pods and all else, with columns for bulk decisions
    ``kubernetes``          the objects of the Kubernetes API, as far as engines need them
    ``aws``                 EC2 instances, EBS volumes and snapshots
    ``usage``               what containers used and pods sent each other
    ``pricing``             Spot prices, list prices, interruption rates, instance types

How it is made
    ``collection``          takes objects from any reader, in pages; keeps what cannot be read
    ``snapshot_builder``    sorts, removes repeats, builds ``node_table`` and ``pod_table``
    ``effective_requests``  what the scheduler sets aside for a pod; ``quantities`` parses amounts
    ``node_facts``          type, zone and capacity type of a node, by its labels and by EC2
    ``ownership``           which workload a pod belongs to
    ``problems``            what is said about objects that were left out
    ``interning``           equal parts are kept once, in one order
    ``market_rows``         prices as rows of a document

For programs: ``schemas`` (JSON Schema), ``decoding`` and ``json_values`` (JSON and its failures),
``errors`` (the base of all errors that reach a person).
"""
