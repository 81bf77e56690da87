interface Row {
  readonly name: string
  readonly value: string
}

/** What was found out, printed as it comes, and as a table in the end. */
export class Report {
  passed = 0
  failed = 0
  readonly #rows: Row[] = []

  /** A sentence that has to be true; `detail` says what was seen instead. */
  check(sentence: string, holds: boolean, detail: unknown = ''): void {
    if (holds) this.passed++
    else this.failed++
    const seen = holds || detail === '' ? '' : `: ${text(detail)}`
    console.log(`  ${holds ? 'ok' : 'not ok'} ${sentence}${seen}`)
  }

  /** A measured value, with its unit. */
  figure(name: string, value: number | string, unit = ''): void {
    const shown = typeof value === 'number' ? String(Math.round(value * 10) / 10) : value
    this.#rows.push({ name, value: `${shown} ${unit}`.trim() })
  }

  print(): void {
    const width = Math.max(0, ...this.#rows.map(({ name }) => name.length))
    for (const { name, value } of this.#rows) console.log(`${name.padEnd(width)}  ${value}`)
    console.log(`${this.passed} passed, ${this.failed} failed`)
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
