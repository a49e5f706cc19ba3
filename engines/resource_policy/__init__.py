"""What a change of requests and limits has to keep, and whether a cluster would take it.

QoS class and limit:request ratio (``sizing``), LimitRanges, quotas, the largest node, memory
floors, whose template it is. Both engines that change requests stand on this.
"""
