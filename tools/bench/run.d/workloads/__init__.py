"""All workloads, in the order in which they run."""

from workloads import hot, isolation, latency, metadata, streams, users

MODULES = (hot, latency, isolation, streams, users, metadata)
WORKLOADS = {workload.name: workload for module in MODULES for workload in module.WORKLOADS}
