/** A line of a sidecar that the control plane has started, on its way through the control plane's own output. */
export interface RelayedLine {
  readonly workload: string
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
}

const mark = 'relayed '

export function formatRelayed(line: RelayedLine): string {
  return mark + JSON.stringify(line)
}

/** Undefined for a line of the control plane itself. */
export function parseRelayed(text: string): RelayedLine | undefined {
  // Whatever a function prints stands within the JSON: only we begin a line so.
  return text.startsWith(mark) ? (JSON.parse(text.slice(mark.length)) as RelayedLine) : undefined
}
