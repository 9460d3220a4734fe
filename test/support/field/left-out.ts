/** Before the reason, in the title of a test whose data is not there: test/run.ts tells these from other skipped tests. */
export const LEFT_OUT = 'left out: '
