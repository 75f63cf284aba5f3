/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a recording goes: who may read it, what it replaces, what is left where it cannot begin. */
#include "live.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PATH_BYTES 128
#define OLD "what somebody else has written\n"

/* In the test's own directory. */
static const char *path_of(struct live *live, const char *name)
{
	static char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", live->dir, name);
	return path;
}

static size_t nr_files(struct live *live)
{
	DIR *dir = opendir(live->dir);
	size_t nr = 0;

	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr - 2; /* . and .. */
}

static void write_old(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, OLD, strlen(OLD)), strlen(OLD));
	close(fd);
}

static void assert_old(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, OLD);
	close(fd);
}

/* A whole recording, for its owner alone. */
static void assert_recording(struct live *live, const char *path)
{
	struct live_process *report;
	char text[256];
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(text, sizeof(text), "report %s", path);
	report = live__run_memtrace(live, text, 0);
	assert_string_equal(live__err(report), "");
	assert_non_null(strstr(live__out(report), "until the target exited"));
}

static struct live_process *record(struct live *live, const char *options, int code)
{
	char text[600];

	snprintf(text, sizeof(text), "record %s", options);
	return live__run_memtrace(live, text, code);
}

/* It ends with 1 and a line: these words, with the path between them. */
static void check_refused(struct live *live, const char *options, const char *before,
			  const char *path, const char *after)
{
	struct live_process *memtrace;
	char text[512], line[512];

	snprintf(text, sizeof(text), "%s -o %s -- /bin/true", options, path);
	memtrace = record(live, text, 1);
	snprintf(line, sizeof(line), "memtrace: %s%s%s\n", before, path, after);
	assert_string_equal(live__err(memtrace), line);
	assert_string_equal(live__out(memtrace), "");
}

static void test_mode(void **state)
{
	static const char *const masks[] = {"000", "022", "077", "777", "277"};
	struct live *live = *state;
	char script[512];
	const char *path = path_of(live, "run.mtr");

	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		/* A new one, and one in the place of another. */
		for (int force = 0; force < 2; force++) {
			struct live_process *shell;

			if (force)
				write_old(path, 0644);
			snprintf(script, sizeof(script),
				 "umask %s; memtrace record %s -q -o %s -- /bin/true", masks[i],
				 force ? "--force" : "", path);
			shell = live__start_shell(live, script);
			assert_int_equal(live__exit_code(shell), 0);
			assert_recording(live, path);
			assert_int_equal(nr_files(live), 1);
			unlink(path);
		}
	}
}

/* Under sudo the file is for who has called it, and for nobody else. */
static void test_sudo_user(void **state)
{
	static const char *const starts[] = {
		"SUDO_UID=4711 SUDO_GID=4712",
		"SUDO_UID=4711x SUDO_GID=4712",
		"SUDO_UID=-1 SUDO_GID=4712",
		"SUDO_UID=4711",
	};
	struct live *live = *state;
	const char *path = path_of(live, "run.mtr");
	struct stat st;
	char script[512];

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		snprintf(script, sizeof(script),
			 "unset SUDO_UID SUDO_GID; %s memtrace record -q -o %s -- /bin/true",
			 starts[i], path);
		assert_int_equal(live__exit_code(live__start_shell(live, script)), 0);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(st.st_uid, i ? 0 : 4711);
		assert_int_equal(st.st_gid, i ? 0 : 4712);
		unlink(path);
	}
}

static void test_no_overwrite(void **state)
{
	struct live *live = *state;
	const char *path = path_of(live, "run.mtr");
	char text[256];

	write_old(path, 0644);
	check_refused(live, "", "", path, " exists already; --force replaces it");
	assert_old(path);
	snprintf(text, sizeof(text), "-q --record %s -- /bin/true", path);
	live__run_memtrace(live, text, 1);
	assert_old(path);
	snprintf(text, sizeof(text), "--force -q -o %s -- /bin/true", path);
	record(live, text, 0);
	assert_recording(live, path);
	check_refused(live, "", "", path, " exists already; --force replaces it");
	assert_recording(live, path);
	assert_int_equal(nr_files(live), 1);
}

/* Whatever fails at the start, early or late: nothing new, and the old one as it was. */
static void check_failed_start(struct live *live, const char *target, int code)
{
	char text[512], path[PATH_BYTES];

	strcpy(path, path_of(live, "run.mtr"));
	for (int force = 0; force < 2; force++) {
		size_t nr_before;

		if (force)
			write_old(path, 0644);
		nr_before = nr_files(live);
		snprintf(text, sizeof(text), "%s -o %s %s", force ? "--force" : "", path, target);
		record(live, text, code);
		assert_int_equal(nr_files(live), nr_before);
		if (force)
			assert_old(path);
		unlink(path);
	}
}

static void test_failed_start(void **state)
{
	struct live *live = *state;
	struct live_process *gone = live__start_words(live, "exits");
	char target[256], script[PATH_BYTES];
	pid_t pid = gone->pid;
	int fd;

	live__wait(gone);
	snprintf(target, sizeof(target), "-p %d", pid);
	check_failed_start(live, target, 1);
	check_failed_start(live, "-- /no/such/command", 127);
	check_failed_start(live, "-- /etc/passwd", 126);
	/* It may be executed, and then is nothing that can. */
	strcpy(script, path_of(live, "command"));
	fd = open(script, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write(fd,
			       "\x7f"
			       "ELF?",
			       5),
			 5);
	close(fd);
	snprintf(target, sizeof(target), "-- %s", script);
	check_failed_start(live, target, 126);
	unlink(script);
}

/* The kernel cannot do it: seen after the file was opened. */
static void test_no_btf(void **state)
{
	struct live *live = *state;
	struct live_process *shell;
	char script[512], path[PATH_BYTES];

	strcpy(path, path_of(live, "run.mtr"));
	write_old(path, 0644);
	snprintf(script, sizeof(script),
		 "exec unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf || exit 9; "
		 "%s record -o %s/new.mtr -a -d 1; echo $?; "
		 "%s record --force -o %s -a -d 1'",
		 live__memtrace(), live->dir, live__memtrace(), path);
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 77);
	assert_string_equal(live__out(shell), "77\n");
	assert_int_equal(live__count_lines(live__err(shell)), 2);
	assert_int_equal(nr_files(live), 1);
	assert_old(path);
}

/* Neither followed nor replaced, with or without --force. */
static void test_symlink(void **state)
{
	static const char said[] = " is a symbolic link: name the file that it stands for";
	struct live *live = *state;
	char path[PATH_BYTES], target[PATH_BYTES], read[PATH_BYTES] = "";

	strcpy(path, path_of(live, "link"));
	strcpy(target, path_of(live, "target"));
	assert_int_equal(symlink(target, path), 0);
	/* To nothing. */
	check_refused(live, "", "", path, said);
	check_refused(live, "--force", "", path, said);
	assert_int_equal(nr_files(live), 1);
	write_old(target, 0644);
	check_refused(live, "", "", path, said);
	check_refused(live, "--force", "", path, said);
	assert_old(target);
	assert_true(readlink(path, read, sizeof(read) - 1) > 0);
	assert_string_equal(read, target);
	assert_int_equal(nr_files(live), 2);
}

static void test_cannot_write(void **state)
{
	struct live *live = *state;
	struct live_process *shell;
	char script[512];

	check_refused(live, "", "cannot write ", "/no/such/directory/run.mtr",
		      ": No such file or directory");
	check_refused(live, "", "cannot write ", "/etc/passwd/run.mtr", ": Not a directory");
	check_refused(live, "", "cannot write ", live->dir, ": Is a directory");
	check_refused(live, "--force", "cannot write ", live->dir, ": Is a directory");
	check_refused(live, "", "cannot write ", "/dev/full", ": No space left on device");
	assert_int_equal(nr_files(live), 0);
	snprintf(script, sizeof(script),
		 "exec unshare -m sh -c 'mount -t tmpfs -o ro none /mnt || exit 9; "
		 "exec %s record -o /mnt/run.mtr -- /bin/true'",
		 live__memtrace());
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 1);
	assert_string_equal(live__err(shell),
			    "memtrace: cannot write /mnt/run.mtr: Read-only file system\n");
}

/* Devices and pipes are written as they are; a block device is a disk of somebody's. */
static void test_special_files(void **state)
{
	struct live *live = *state;
	char path[PATH_BYTES], script[512], text[256];
	struct live_process *shell;
	struct stat st;

	record(live, "-q -o /dev/null -- /bin/true", 0);
	record(live, "-q --force -o /dev/null -- /bin/true", 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));

	strcpy(path, path_of(live, "pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(script, sizeof(script),
		 "memtrace report - <%s & memtrace record -q -o %s -- /bin/true || exit 9; wait",
		 path, path);
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 0);
	assert_non_null(strstr(live__out(shell), "until the target exited"));
	assert_string_equal(live__err(shell), "");

	/* /dev/stdout is a link, which stays. */
	snprintf(text, sizeof(text),
		 "memtrace record -q -d 0.1 -p %d -o /dev/stdout | "
		 "memtrace report - -F json",
		 getpid());
	shell = live__start_shell(live, text);
	assert_int_equal(live__exit_code(shell), 0);
	assert_non_null(strstr(live__out(shell), "\"ended_by\":\"duration\""));
	assert_int_equal(lstat("/dev/stdout", &st), 0);
	assert_true(S_ISLNK(st.st_mode));

	/* No such disk: what is asked is what the file is, before it is opened. */
	strcpy(path, path_of(live, "disk"));
	assert_int_equal(mknod(path, S_IFBLK | 0600, makedev(0, 0)), 0);
	check_refused(live, "", "", path, " is neither a file nor a pipe");
	check_refused(live, "--force", "", path, " is neither a file nor a pipe");
}

/* Bytes are not for a terminal. */
static void test_terminal(void **state)
{
	static const char said[] =
		"memtrace: a recording is not for a terminal: -o FILE, or a pipe behind -o -\n";
	struct live *live = *state;
	struct live_process *shell;
	char script[256];
	int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(pty >= 0);
	assert_int_equal(grantpt(pty), 0);
	assert_int_equal(unlockpt(pty), 0);
	snprintf(script, sizeof(script), "memtrace record -a -d 1 -o - >%s", ptsname(pty));
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 1);
	assert_string_equal(live__err(shell), said);
	snprintf(script, sizeof(script), "memtrace record -a -d 1 -o %s", ptsname(pty));
	shell = live__start_shell(live, script);
	assert_int_equal(live__exit_code(shell), 1);
	assert_string_equal(live__err(shell), said);
	shell = live__start_shell(live, "memtrace record -a -d 1 -o - >&-");
	assert_int_equal(live__exit_code(shell), 1);
	assert_string_equal(live__err(shell),
			    "memtrace: cannot write standard output: it is closed\n");
	close(pty);
}

/* The size that a file may have is a full disk, and no signal. */
static void test_size_limit(void **state)
{
	struct live *live = *state;
	struct live_process *workload, *shell;
	char script[512], path[PATH_BYTES], line[256];
	struct stat st;

	strcpy(path, path_of(live, "run.mtr"));
	workload = live__start_workload(live, "fault --access read --pages 100000 --order random");
	/* In blocks of 512 bytes. */
	snprintf(script, sizeof(script), "ulimit -f 200; exec %s record -o %s -p %d",
		 live__memtrace(), path, workload->pid);
	shell = live__start_shell(live, script);
	live__await_tracing(shell);
	live__say(workload, "\n");
	assert_int_equal(live__exit_code(shell), 1);
	snprintf(line, sizeof(line),
		 "\nmemtrace: cannot write %s: File too large; what was written before is kept\n",
		 path);
	assert_non_null(strstr(live__err(shell), line));
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1000, 200 * 512);
}

/* One clear line each. */
static void test_usage(void **state)
{
	static const struct {
		const char *options, *said;
	} wrong[] = {
		{"record -p 1", "record: -o FILE says where the recording goes"},
		{"record -o x", "nothing to trace: name a process (-p PID), every process (-a) or "
				"a command (-- CMD)"},
		{"record -o - -- /bin/true",
		 "-o -: the recording would mix with what the command prints"},
		{"report", "report: name the recording"},
		{"report a b", "unexpected 'b': report takes 1 recording"},
		{"-p 1 --record -", "--record -: 'memtrace record -o -' writes to a pipe"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct live_process *memtrace = live__run_memtrace(*state, wrong[i].options, 2);
		char line[256];

		snprintf(line, sizeof(line), "memtrace: %s (--help shows the usage)\n",
			 wrong[i].said);
		assert_string_equal(live__err(memtrace), line);
		assert_string_equal(live__out(memtrace), "");
	}
}

/* What is no recording: one line and 1, from a file and from a pipe. */
static void test_no_recording(void **state)
{
	static const struct {
		const char *script, *said;
	} cases[] = {
		{"memtrace report /no/such.mtr",
		 "cannot open /no/such.mtr: No such file or directory"},
		{"memtrace report /", "cannot open /: Is a directory"},
		{"memtrace report - </", "cannot read standard input: Is a directory"},
		{"memtrace report - <&-", "cannot read standard input: Bad file descriptor"},
		{"memtrace report /dev/null", "/dev/null is empty"},
		{"memtrace report - </dev/null", "standard input is empty"},
		{"memtrace report /etc/passwd", "/etc/passwd is not a recording of memtrace"},
		{"memtrace report - </etc/passwd", "standard input is not a recording of memtrace"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct live_process *shell = live__start_shell(*state, cases[i].script);
		char line[256];

		assert_int_equal(live__exit_code(shell), 1);
		snprintf(line, sizeof(line), "memtrace: %s\n", cases[i].said);
		assert_string_equal(live__err(shell), line);
		assert_string_equal(live__out(shell), "");
	}
}

/* By another name, too, a recording is not replaced by what is written of it. */
static void test_output_is_recording(void **state)
{
	static const struct {
		const char *script, *said;
	} cases[] = {
		{"memtrace --record run.mtr -o ./run.mtr -- /bin/true",
		 "-o ./run.mtr and --record run.mtr are the same file"},
		{"ln -s run.mtr link; memtrace --record run.mtr -F csv -o link -- /bin/true",
		 "-o link and --record run.mtr are the same file"},
		{"memtrace record -q -o run.mtr -- /bin/true && cp run.mtr copy.mtr &&"
		 "memtrace report -o ./run.mtr run.mtr",
		 "-o ./run.mtr would replace the recording"},
		{"memtrace export -o link run.mtr", "-o link would replace the recording"},
		{"memtrace report - -o run.mtr <run.mtr", "-o run.mtr would replace the recording"},
		{"memtrace diff copy.mtr run.mtr -o link", "-o link would replace the recording"},
		{"memtrace --record run.mtr --force -F json -o link -- /bin/true",
		 "-o link and --record run.mtr are the same file"},
	};
	struct live *live = *state;
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct live_process *shell;

		snprintf(text, sizeof(text), "cd %s; %s", live->dir, cases[i].script);
		shell = live__start_shell(live, text);
		assert_int_equal(live__exit_code(shell), 1);
		snprintf(text, sizeof(text), "memtrace: %s\n", cases[i].said);
		assert_string_equal(live__err(shell), text);
		assert_string_equal(live__out(shell), "");
	}
	assert_recording(live, path_of(live, "run.mtr"));
	assert_int_equal(nr_files(live), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(test_mode),
		live_test(test_sudo_user),
		live_test(test_no_overwrite),
		live_test(test_failed_start),
		live_test(test_no_btf),
		live_test(test_symlink),
		live_test(test_cannot_write),
		live_test(test_special_files),
		live_test(test_terminal),
		live_test(test_size_limit),
		live_test(test_usage),
		live_test(test_no_recording),
		live_test(test_output_is_recording),
	};

	return cmocka_run_group_tests_name("record_file", tests, NULL, NULL);
}
