// SPDX-License-Identifier: GPL-2.0-or-later
/* A live run: compose the stages, loop until it ends, report. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/keep.h"
#include "cmd/message.h"
#include "cmd/on_hit.h"
#include "cmd/options.h"
#include "cmd/output.h"
#include "cmd/stages.h"
#include "cmd/symbolize.h"
#include "cmd/trace.h"
#include "cmd/unwind.h"
#include "model/model.h"
#include "source/paths.h"
#include "source/procfs.h"
#include "source/source.h"

struct run {
	const struct options *opt;
	struct error error;
	struct stages stages;
	int stages_err; /* nothing more is shown */
	struct keep keep;
	struct command command;
	struct on_hit on_hit;
	struct source *source;
	struct paths *paths; /* of files that are executed; NULL: none are known */
	int signal_fd;
	sigset_t old_signals;
	uint64_t end_ns;       /* of the duration; UINT64_MAX: none */
	uint64_t snapshots_ns; /* when the mirrors were looked after last */
	enum mt_ended_by ended_by;
	bool ended;
	bool command_failed; /* it could not be started */
	bool untimed;	     /* no probe tells how long faults take */
};

static void run__end(struct run *run, enum mt_ended_by ended_by)
{
	if (run->ended)
		return;
	run->ended = true;
	run->ended_by = ended_by;
}

/*
 * A recording that cannot go on ends the run, in an orderly way; and so does what cannot be shown
 * any more, where there is a recording that shall have its end.
 */
static int run__push_one(void *ctx, const void *record, size_t size)
{
	const struct mt_probe *probe = record;
	struct run *run = ctx;

	if (probe->hdr.kind == MT_KIND_PROBE && !strcmp(probe->fact, "fault latency"))
		run->untimed = !strcmp(probe->via, "none");
	if (run->paths)
		paths__note(run->paths, record);
	if (probe->hdr.kind == MT_KIND_PATH)
		return 0;
	if (probe->hdr.kind == MT_KIND_STACK_COPY)
		unwind__note(run->source, record, size);
	/* A stranger's stack may hold anything: what is made of it is recorded, not it. */
	if (probe->hdr.kind != MT_KIND_STACK_COPY && keep__push(&run->keep, record, size))
		run__end(run, MT_ENDED_INTERRUPT);
	if (!run->stages_err)
		run->stages_err = stages__push(&run->stages, record, size);
	if (!run->stages_err || !run->opt->keep)
		return run->stages_err;
	run__end(run, MT_ENDED_INTERRUPT);
	return 0;
}

/* Before the end: all that the model is to know of, so that it asks for what it wants of that. */
static void run__settle(struct run *run, uint64_t time_ns)
{
	struct mt_tick mark = {
		.hdr = {.time_ns = time_ns, .size_bytes = sizeof(mark), .kind = MT_KIND_WATERMARK}};

	if (!run->stages_err)
		run->stages_err = stages__push(&run->stages, &mark, sizeof(mark));
}

static int run__symbolize(struct run *run, uint64_t time_ns)
{
	struct model *model = run->stages.model;

	return symbolize(model, run->paths, time_ns, run__push_one, run)
		       ?: unwind(model, run->source, run->paths, time_ns, run__push_one, run);
}

static int run__push(void *ctx, const void *record, size_t size)
{
	const struct mt_record *hdr = record;
	struct run *run = ctx;
	int err = 0;

	if (hdr->kind == MT_KIND_END) {
		run__settle(run, hdr->time_ns);
		err = run__symbolize(run, hdr->time_ns);
	}
	return err ?: run__push_one(run, record, size);
}

static int run__check_pids(struct run *run)
{
	const struct options *opt = run->opt;

	for (size_t i = 0; i < opt->pids.nr; i++) {
		uint32_t pid = opt->pids.items[i];
		int err = procfs__check_process(pid);

		if (err == -EINVAL)
			return error__set(&run->error, EINVAL,
					  "%u is a thread; give the pid of its process", pid);
		if (err == -ENODATA)
			return error__set(&run->error, EINVAL,
					  "%u is a kernel thread, which has no memory of its own",
					  pid);
		if (err == -EOWNERDEAD)
			return error__set(&run->error, ESRCH,
					  "process %u has ended (it is a zombie)", pid);
		if (err)
			return error__set(&run->error, ESRCH, "no process with pid %u", pid);
		if (pid == (uint32_t)getpid())
			return error__set(&run->error, EINVAL, "cannot trace memtrace itself");
	}
	return 0;
}

/* Before any thread or child: signals come as reads of a descriptor. */
static int run__take_signals(struct run *run)
{
	sigset_t signals;

	struct sigaction hup;

	run->command.pipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
	/* Ignored, it would take the exit code of the command with it. */
	run->command.chld_ignored = signal(SIGCHLD, SIG_DFL) == SIG_IGN;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	/* Under nohup it stays ignored: a signalfd would take it all the same. */
	if (sigaction(SIGHUP, NULL, &hup) || hup.sa_handler != SIG_IGN)
		sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGCHLD);
	/* A file larger than allowed is an error of write(): what is there is to be kept. */
	sigaddset(&signals, SIGXFSZ);
	sigprocmask(SIG_BLOCK, &signals, &run->old_signals);
	run->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return error__set(&run->error, errno, "cannot receive signals: %s",
				  strerror(errno));
	return 0;
}

static int run__open_source(struct run *run)
{
	const struct options *opt = run->opt;
	uint32_t command_pid = run->command.pid;
	char target[sizeof(((struct mt_session *)0)->target)];
	struct source_config config = {
		.pids = opt->command ? &command_pid : opt->pids.items,
		.nr_pids = opt->command ? 1 : opt->pids.nr,
		.all = opt->all,
		.follow = opt->follow || opt->all,
		.build_ids = opt->keep,
		.command = opt->command,
		.only_ways = opt->only_ways,
		/* Without lines the timelines still have their points. */
		.interval_ns = (opt->interval_s ?: 1) * NSEC_PER_SEC,
		.slow_ns = opt->slow_ns,
		.target = target,
	};
	int err;

	run->paths = paths__new();
	options__describe_target(opt, target, sizeof(target));
	err = live__open(&config, run__push, run, &run->error, &run->source);
	return err && run->stages.lines.err ? stages__explain(&run->stages, err) : err;
}

static void run__announce(const struct run *run)
{
	char target[sizeof(((struct mt_session *)0)->target)];

	const struct options *opt = run->opt;
	const char *verb = opt->verb == VERB_RECORD ? "recording" : "tracing";

	if (opt->quiet || opt->command)
		return;
	options__describe_target(opt, target, sizeof(target));
	if (opt->duration_s > 0)
		message("%s %s for %g s", verb, target, opt->duration_s);
	else
		message("%s %s; Ctrl-C ends it", verb, target);
}

/*
 * The ring buffer holds a tenth of a second of what two busy processors make: where dozens of
 * threads want them we would come too late, though we need little. Who has set a priority for us,
 * or has not the right to, is not contradicted.
 */
#define NICE -10

static void take_precedence(void)
{
	errno = 0;
	if (!getpriority(PRIO_PROCESS, 0) && !errno)
		setpriority(PRIO_PROCESS, 0, NICE);
}

static int run__open_keep(struct run *run)
{
	const struct options *opt = run->opt;
	int err = keep__open(&run->keep, opt->keep, opt->force, &run->error);

	if (!err && opt->keep && output__would_replace(opt->output, opt->keep))
		err = error__set(&run->error, EINVAL, "-o %s and --record %s are the same file",
				 opt->output, opt->keep);
	return err;
}

static int run__start(struct run *run)
{
	const struct options *opt = run->opt;
	int err = run__check_pids(run);

	on_hit__init(&run->on_hit, opt->on_hit);
	run->stages.on_hit = opt->on_hit ? &run->on_hit : NULL;
	/* Before signals are taken: opening a named pipe waits for its reader. */
	if (!err)
		err = run__open_keep(run);
	if (!err)
		err = run__take_signals(run);
	if (!err)
		err = stages__open(&run->stages, opt, &run->error);
	if (!err && opt->command) {
		err = command__prepare(&run->command, opt->command, &run->old_signals, &run->error);
		run->command_failed = err;
	}
	/* After the fork of the command, whose priority is its own, and a thread comes with it. */
	if (!err)
		take_precedence();
	if (!err)
		err = keep__begin(&run->keep, &run->error);
	if (!err)
		err = run__open_source(run);
	if (!err && opt->command) {
		err = command__release(&run->command, opt->command, &run->error);
		run->command_failed = err;
	}
	if (!err)
		err = keep__commit(&run->keep, &run->error);
	if (err)
		return err;
	run->end_ns = opt->duration_s > 0
			      ? clock__now_ns() + (uint64_t)(opt->duration_s * NSEC_PER_SEC)
			      : UINT64_MAX;
	run__announce(run);
	if (opt->slow_ns && run->untimed)
		message("--slow lists nothing: how long faults take is not known by this probe");
	return 0;
}

/*
 * With a command, as strace does it: what the terminal sends goes to the command anyway, what is
 * sent to memtrace is passed on; the run ends when the command does.
 */
static void run__take_signal(struct run *run, const struct signalfd_siginfo *info)
{
	if (info->ssi_signo == SIGCHLD)
		return;
	if (!run->opt->command) {
		run__end(run, MT_ENDED_INTERRUPT);
		return;
	}
	if (info->ssi_code != SI_KERNEL && !command__reap(&run->command, false))
		kill(run->command.pid, info->ssi_signo);
	/* The command may be gone while its children are still followed. */
	if (command__reap(&run->command, false))
		run__end(run, MT_ENDED_INTERRUPT);
}

/* True: there were others than those of a child. */
static bool run__take_pending_signals(struct run *run)
{
	struct signalfd_siginfo info;
	bool others = false;

	while (read(run->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		run__take_signal(run, &info);
		others |= info.ssi_signo != SIGCHLD;
	}
	return others;
}

/* Mirrors that have lost track are filled again, but not for every bad access. */
#define SNAPSHOT_INTERVAL_NS NSEC_PER_SEC

static void run__look_after_mirrors(struct run *run, uint64_t now)
{
	const struct model *model = run->stages.model;

	if (now - run->snapshots_ns < SNAPSHOT_INTERVAL_NS)
		return;
	run->snapshots_ns = now;
	for (size_t i = 0; i < model->current.nr; i++) {
		struct process *proc = model->current.items[i];

		if (proc->wants_snapshot && !proc->ended)
			run->source->ops->snapshot(run->source, proc->pid);
		proc->wants_snapshot = false;
	}
}

static int wait_ms(uint64_t due_ns, int most)
{
	uint64_t now = clock__now_ns();
	uint64_t left = due_ns > now ? (due_ns - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC : 0;

	return left < (uint64_t)most ? (int)left : most;
}

static int run__wait_ms(const struct run *run)
{
	uint64_t hook_ns = on_hit__due_ns(&run->on_hit);

	return wait_ms(hook_ns < run->end_ns ? hook_ns : run->end_ns,
		       run->source->ops->timeout_ms(run->source));
}

/* A recording that cannot be written as fast as it comes: the ring buffer waits, or overflows. */
#define BEHIND_MS 20

static int run__loop(struct run *run)
{
	const struct source_ops *ops = run->source->ops;
	struct pollfd fds[] = {{.fd = run->signal_fd, .events = POLLIN},
			       {.fd = ops->fd(run->source), .events = POLLIN}};
	int err = 0;

	while (!run->ended && !err) {
		bool behind = keep__is_behind(&run->keep);

		if (poll(fds, behind ? 1 : 2, behind ? BEHIND_MS : run__wait_ms(run)) < 0 &&
		    errno != EINTR)
			return -errno;
		run__take_pending_signals(run);
		on_hit__poll(&run->on_hit, clock__now_ns());
		if (!behind) {
			err = ops->pump(run->source) ?: run__symbolize(run, clock__now_ns());
			run__look_after_mirrors(run, clock__now_ns());
		}
		if (clock__now_ns() >= run->end_ns)
			run__end(run, MT_ENDED_DURATION);
		if (!run->opt->all && !ops->alive(run->source))
			run__end(run, MT_ENDED_TARGET_EXIT);
	}
	return err;
}

/* Longer than somebody needs who presses Ctrl-C twice. */
#define PATIENCE_MS 1000

/*
 * Write what waits. A disk or a pipe may take it never: another signal then has its usual effect,
 * as long as it is not for the command.
 */
static int run__finish_recording(struct run *run, struct error *error)
{
	bool patient = keep__end(&run->keep, PATIENCE_MS) || !command__reap(&run->command, false);
	sigset_t blocked;
	int err;

	run__take_pending_signals(run);
	sigprocmask(SIG_SETMASK, patient ? NULL : &run->old_signals, &blocked);
	err = keep__finish(&run->keep, error);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	return err;
}

/* Stop the source, take what is left, report. */
static int run__finish(struct run *run, int err)
{
	struct error keep_error = {};
	int keep_err;

	if (!err)
		err = run->source->ops->finish(run->source, run->ended_by);
	keep_err = run__finish_recording(run, &keep_error);
	err = stages__finish(&run->stages, err ?: run->stages_err);
	if (err || !keep_err)
		return err;
	run->error = keep_error;
	return keep_err;
}

static void run__tell_recording(const struct run *run)
{
	const struct model_session *session = &run->stages.model->session;
	const char *path = run->keep.path;

	if (run->opt->quiet || !run->keep.nr_bytes)
		return;
	message("recorded %s: %s%s%s",
		units__duration((double)(session->end_ns - session->start_ns) / NSEC_PER_SEC).s,
		units__bytes(run->keep.nr_bytes).s, strcmp(path, "-") ? " in " : "",
		strcmp(path, "-") ? path : "");
}

static void run__release(struct run *run)
{
	if (run->source)
		run->source->ops->free(run->source);
	paths__free(run->paths);
	stages__release(&run->stages);
	keep__release(&run->keep);
	if (run->command.pid)
		command__abandon(&run->command);
	if (run->signal_fd >= 0)
		close(run->signal_fd);
}

static int start_status(const struct run *run, int err)
{
	int status = message__failure(&run->error, err);

	/* The codes that a shell gives. */
	if (run->command_failed)
		return err == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	return status;
}

/*
 * What happened last may have ended the run: its hook is started, if need be when its second has
 * come, and has a moment, so that a short one is over when we are. A signal is an end to that.
 */
#define HOOK_MOMENT_MS 1000
#define HOOK_MOMENT_NS (HOOK_MOMENT_MS * NSEC_PER_MSEC)

static void run__await_hook(struct run *run)
{
	struct pollfd fd = {.fd = run->signal_fd, .events = POLLIN};
	uint64_t until = clock__now_ns() + HOOK_MOMENT_NS;
	bool disturbed = false;

	while (on_hit__is_busy(&run->on_hit) && !disturbed && clock__now_ns() < until) {
		uint64_t due_ns = on_hit__due_ns(&run->on_hit), before = run->on_hit.nr_started;

		poll(&fd, 1, wait_ms(due_ns < until ? due_ns : until, HOOK_MOMENT_MS));
		disturbed = run__take_pending_signals(run);
		on_hit__poll(&run->on_hit, clock__now_ns());
		if (run->on_hit.nr_started != before)
			until = clock__now_ns() + HOOK_MOMENT_NS;
	}
	on_hit__finish(&run->on_hit, run->opt->quiet);
}

/* Nothing is traced any more; signals still go to the command. */
static void run__await_command(struct run *run)
{
	struct pollfd fd = {.fd = run->signal_fd, .events = POLLIN};

	run->source->ops->free(run->source);
	run->source = NULL;
	while (!command__reap(&run->command, false)) {
		poll(&fd, 1, -1);
		run__take_pending_signals(run);
	}
}

int trace__run(const struct options *opt)
{
	struct run run = {.opt = opt, .signal_fd = -1, .keep.fd = -1};
	int err, status;

	if (!opt->verbose)
		libbpf_set_print(NULL);
	err = run__start(&run);
	if (err) {
		status = start_status(&run, err);
		run__release(&run);
		return status;
	}
	err = run__finish(&run, run__loop(&run));
	status = message__failure(&run.error, err);
	if (!err)
		run__tell_recording(&run);
	run__await_hook(&run);
	if (opt->command)
		run__await_command(&run);
	if (opt->command && !status)
		status = command__exit_status(&run.command);
	run__release(&run);
	return status;
}
