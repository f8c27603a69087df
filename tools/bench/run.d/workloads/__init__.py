"""All workloads, in the order in which they run."""

from workloads import cost, hot, isolation, latency, metadata, scale, streams, users

MODULES = (hot, latency, isolation, streams, metadata, users, scale, cost)
WORKLOADS = {workload.name: workload for module in MODULES for workload in module.WORKLOADS}
