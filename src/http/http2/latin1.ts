// perf: mux — Node's untyped one-call forms of `toString('latin1')` and `write(_, _, 'latin1')`, without
// their argument juggling. Callers guarantee bounds.
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string
    latin1Write(text: string, offset: number): number
  }
}

export {}
