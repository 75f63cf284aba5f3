// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The JVM leaves it to SIGSEGV to find that a reference is null, and that a stack has run into its
 * yellow zone; it handles both, and tells the program by an exception.
 */
public class Provoke {
	static Object none;

	static int deeper(int level) {
		return deeper(level + 1) + 1;
	}

	public static void main(String[] args) {
		int nullPointers = 0, overflows = 0;

		for (int i = 0; i < 200000; i++) {
			try {
				none.hashCode();
			} catch (NullPointerException e) {
				nullPointers++;
			}
		}
		for (int i = 0; i < 3; i++) {
			try {
				deeper(0);
			} catch (StackOverflowError e) {
				overflows++;
			}
		}
		System.out.println("{\"null_pointers\":" + nullPointers + ",\"overflows\":" + overflows
				+ "}");
	}
}
