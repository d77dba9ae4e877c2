"""A local AWS that behaves like the real one where a ZenML Pro Hybrid deployment on ECS touches it.

The API itself is moto's (https://github.com/getmoto/moto). Plain moto answers calls but nothing ever *happens*: no task
starts, nothing takes time, hardly any delete is refused. Each module here adds what AWS does beyond that, by wrapping
moto's model and response classes:

    clock         lifecycle steps, the one lock, what advances as time passes
    patching      how a moto method is wrapped or added
    gateways      NAT gateways, addresses, internet gateways, routes
    network       VPCs, subnets, security groups, interfaces; who can reach whom
    database      RDS instances and snapshots; database_groups, database_rules; schema: migration levels; store: connections
    balancing     load balancers, target groups, listeners; target health: health
    compute       ECS clusters, services and tasks as the API shows them
    scheduler     rolling updates, circuit breaker; tasks: one task's life; startup: whether a task can start
    deployments   service deployments and revisions; definitions: task definitions
    application   the ZenML server that a task runs, judged by its environment and command; serverlog, serverhttp
    realserver    tasks as processes, on request: children, MariaDB (mariadb) behind doors, a stand-in for the control plane
    workspace     the HTTPS and HTTP endpoints behind the load balancers; authority: the certificate authority
    secrets, buckets, identity, certificates, dns, resolver, logs, scaling, metrics, tagging
    account       regions, zones, quotas, dry runs; conditions: what a rehearsal takes away
    control       the /sandbox HTTP API; server: the process; duplicate: a second process with the same world

Importing a module installs its behaviour, so `server` imports all of them.
"""
