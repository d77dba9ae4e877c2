import concurrent.futures
import re

# Waits until the server answers, signs in with the token in SIGN_IN if there is one, and ends it.
VISITED = """
import http.client, os, subprocess, sys, time
server = subprocess.Popen(sys.argv[1:])
port = int(sys.argv[sys.argv.index('--port') + 1])
def ask(method, path, headers={}):
    try:
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
        connection.request(method, path, headers=headers)
        return connection.getresponse().status
    except OSError:
        return None
while server.poll() is None and ask('GET', '/health') is None:
    time.sleep(0.3)
if os.environ.get('SIGN_IN'):
    ask('POST', '/api/v1/login', {'Authorization': 'Bearer ' + os.environ['SIGN_IN']})
server.terminate()
sys.exit(server.wait())
"""
# A control plane with a full queue: connections time out.
CUT = """
import os, socket, sys
hole = socket.socket()
hole.bind(('127.0.0.1', 0))
hole.listen(0)
hole.set_inheritable(True)
for _ in range(4):
    filler = socket.socket()
    filler.setblocking(False)
    filler.connect_ex(hole.getsockname())
    filler.set_inheritable(True)
    filler.detach()
os.environ['ZENML_SERVER_PRO_API_URL'] = 'https://127.0.0.1:%d' % hole.getsockname()[1]
os.execvp(sys.argv[1], sys.argv[1:])
"""
SQL = """
import os, pymysql, sys
given = os.environ
port = int(given['ZENML_STORE_URL'].rsplit(':', 1)[1])
connection = pymysql.connect(host='127.0.0.1', port=port, user=given['ZENML_STORE_USERNAME'], password=given['ZENML_STORE_PASSWORD'], ssl={'check_hostname': False})
for statement in sys.argv[1].split(';'):
    connection.cursor().execute(statement)
connection.commit()
"""

given = json.load(open(argv[0]))
ecs = client("ecs")
deployed = service()
definition = ecs.describe_task_definition(taskDefinition=deployed["taskDefinition"])["taskDefinition"]
SERVER = definition["containerDefinitions"][0]["command"]
COMMANDS = {
    "server": None,
    "visited": ["python", "-c", VISITED, *SERVER],
    "cut": ["python", "-c", CUT, *SERVER],
    "migration": ["zenml", "migrate-database"],
}


def run(command, environment, limit=300):
    override = {"name": SERVICE, "environment": environment}
    if command:
        override["command"] = command
    task = ecs.run_task(
        cluster=CLUSTER, taskDefinition=deployed["taskDefinition"], launchType="FARGATE",
        networkConfiguration=deployed["networkConfiguration"], overrides={"containerOverrides": [override]},
    )["tasks"][0]["taskArn"]
    state = lambda: ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"][0]
    ended = until(state, lambda found: found["lastStatus"] == "STOPPED", limit)
    return {"status": ended["lastStatus"], "exit": ended["containers"][0].get("exitCode"), "lines": lines_of(task)}


def shut():
    """The database's group without a rule, while one migration tries."""
    ec2, rds = client("ec2"), client("rds")
    group = rds.describe_db_instances()["DBInstances"][0]["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
    ended = run(COMMANDS["migration"], [])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    return ended


STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[,.]\d+")
PLACES = (
    (re.compile(r"/[^\s\"']*/site-packages/"), "site-packages/"),
    (re.compile(r"/[^\s\"']*/lib/python3\.\d+/"), "python3/"),
    (re.compile(r"/[^\s\"']*/bin/"), "bin/"),
    (STAMP, "2026-01-01 00:00:00,000"),
    (re.compile(r"(127\.0\.0\.1[:', port=]+)\d{4,5}"), r"\g<1>0"),
    (re.compile(r"(server process \[)\d+"), r"\g<1>7"),
    (re.compile(r"input_value=.*?, input_type"), "input_value=..., input_type"),
    (re.compile(r"0x[0-9a-f]{8,}"), "0x0"),
    (re.compile(r'("request_id": ?")[0-9a-f]+'), r"\g<1>0"),
)


def scrubbed(lines):
    """Without what belongs to this machine and this moment, and without the middle of long tracebacks."""
    kept = []
    for line in lines:
        if "GET /health" in line:
            continue
        for pattern, replacement in PLACES:
            line = pattern.sub(replacement, line)
        if not line.startswith("{"):
            kept.append(line)
            continue
        event = json.loads(line)
        for texts, name in ((event, "message"), (event.get("exception", {}), "message"), (event.get("exception", {}), "stacktrace")):
            if len(texts.get(name, "")) > 2500:
                texts[name] = texts[name][:300] + "\n[…]\n" + texts[name][-1800:]
        kept.append(json.dumps(event, ensure_ascii=False))
    plain = [at for at, line in enumerate(kept) if not line.startswith("{")]
    return kept if len(plain) <= 60 else kept[: plain[0] + 15] + ["[…]"] + kept[-40:]


assert run(["python", "-c", SQL, given["prepared"]], [])["exit"] == 0, "the databases could not be prepared"
with concurrent.futures.ThreadPoolExecutor(2) as two:
    ends = list(two.map(lambda start: run(COMMANDS[start["run"]], start["environment"]), given["starts"]))
ended = {start["name"]: end for start, end in zip(given["starts"], ends)}
ended["db.timeout"] = shut()
for end in ended.values():
    end["lines"] = scrubbed(end["lines"])
cut = ended["cp.timeout"]["lines"]
first = next((at for at, line in enumerate(cut) if "Retrying" in line), len(cut))
ended["silent"] = {**ended["cp.timeout"], "lines": cut[:first]}
out(ended)
