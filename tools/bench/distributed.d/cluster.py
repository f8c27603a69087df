"""The cluster of tests/distributed/cluster.sh and its functions, in Python; see there, and enter.sh beside it."""

import pathlib

# For how long the clients use names and attributes that they have. "0": they ask their servers each time, as in the
# coherence tests. "1s": their default, except for names of files of MooseFS, which it does not keep by default.
KEEPS = ["0", "1s"]
CLIENTS = {
    "gluster": {"0": "--attribute-timeout=0 --entry-timeout=0", "1s": "--attribute-timeout=1 --entry-timeout=1"},
    "moosefs": {
        "0": "mfsattrcacheto=0,mfsentrycacheto=0,mfsdirentrycacheto=0,mfsnegentrycacheto=0",
        "1s": "mfsattrcacheto=1,mfsentrycacheto=1,mfsdirentrycacheto=1,mfsnegentrycacheto=0",
    },
}


class Failure(Exception):
    pass


class Cluster:
    def __init__(self, system, work):
        self.system = system
        self.work = pathlib.Path(work)
        self.mounted = {}  # machine: program and options
        self.questions = open(self.work / "questions", "w")
        self.answers = open(self.work / "answers")

    def do(self, line):
        """Has the cluster's shell evaluate a line, and returns what the line printed."""
        print(line, file=self.questions, flush=True)
        answer = self.answers.readline().split(maxsplit=1)
        if answer != ["done"]:
            raise Failure(answer[1].strip() if len(answer) > 1 else "the cluster has ended")
        return (self.work / "answer").read_text()

    def client(self, machine):
        """Where the bare client is mounted."""
        return self.work / "net" / machine

    def mount(self, machine):
        """Where sievefs is mounted."""
        return self.work / machine

    def new_client(self, machine, keeps="0"):
        """Mounts the machine's client again, which then knows nothing; its sievefs must not be mounted."""
        options = CLIENTS[self.system][keeps]
        self.do(f"cluster_end_client {machine}; client_options='{options}'; cluster_client {machine}")

    def mount_sievefs(self, machine, options="", sievefs=None):
        program = f"sievefs='{sievefs}'; " if sievefs else ""
        self.do(f"{program}cluster_mount {machine} {'-o ' + options if options else ''}")

    def unmount_sievefs(self, machine):
        self.do(f"cluster_unmount {machine}")

    def stat(self, machine, expression):
        """The value of a Python expression about `sievectl stat --json`, such as s["hits"]."""
        return self.do(f"cluster_stat {machine} '{expression}'").strip()

    def requests(self):
        """Requests to the servers since the last call, by kind."""
        lines = (line.split() for line in self.do("cluster_requests").splitlines())
        return {kind: int(count) for kind, count in lines if int(count)}
