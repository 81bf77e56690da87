import { loadName } from '../bench-case.ts'
import type { Row } from '../measure/row.ts'

/** Whom all the ratios refer to. */
const referenceSubject = 'envoy'

/** One Markdown table for each case, in the rows' order: ratios to Envoy, the run's own figures in brackets. */
export function resultsTables(rows: readonly Row[]): string {
  return [...Map.groupBy(rows, row => row.case)]
    .map(([name, ofCase]) => [`### ${name}`, '', ...tableLines(ofCase)].join('\n'))
    .join('\n\n')
}

const requestsHead = [
  '| connections | subject | CPU µs/request | requests/s | p50 ms | p99 ms | RSS MB |',
  '|--:|---|--:|--:|--:|--:|--:|',
]

/** CPU µs for a megabyte are ms for a gigabyte. */
const bytesHead = ['| connections | subject | CPU ms/GB | MB/s | RSS MB |', '|--:|---|--:|--:|--:|']

function tableLines(rows: readonly Row[]): string[] {
  return [
    ...(rows[0]?.protocol === 'tcp' ? bytesHead : requestsHead),
    ...rows.map(row => rowLine(row, referenceOf(row, rows))),
  ]
}

function rowLine(row: Row, reference: Row | undefined): string {
  const against = (figure: (row: Row) => number, own: string) =>
    reference === undefined ? own : `${formatRatio(figure(row) / figure(reference))} (${own})`
  const latencies =
    row.protocol === 'tcp'
      ? []
      : [
          against(of => of.p50Ms, formatFigure(row.p50Ms, 2)),
          against(of => of.p99Ms, formatFigure(row.p99Ms, 2)),
        ]
  const cells = [
    loadName(row),
    row.invalid === undefined ? row.subject : `${row.subject}, **invalid**: ${row.invalid}`,
    against(of => of.cpuUsPerRequest, cpuFigure(row)),
    against(of => of.requestsPerSecond, formatFigure(row.requestsPerSecond, 0)),
    ...latencies,
    against(of => of.rssBytes, formatFigure(row.rssBytes / 1024 ** 2, 0)),
  ]
  return `| ${cells.join(' | ')} |`
}

/** An invalid row is compared with nothing, and nothing with it. */
function referenceOf(row: Row, rows: readonly Row[]): Row | undefined {
  if (row.invalid !== undefined) return undefined
  return rows.find(
    other =>
      other.subject === referenceSubject &&
      other.connections === row.connections &&
      other.streams === row.streams &&
      other.invalid === undefined,
  )
}

/** `14.2 + 13.9` for a pair, in the order of a request's way. */
function cpuFigure({ processes, cpuUsPerRequest }: Row): string {
  const figures = processes.map(process => formatFigure(process.cpuUsPerRequest, 1))
  return figures.join(' + ') || formatFigure(cpuUsPerRequest, 1)
}

/** `15,656`; a dash for what could not be measured. */
function formatFigure(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return '–'
  return value.toLocaleString('en', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
}

function formatRatio(ratio: number): string {
  return `${ratio.toFixed(2)}×`
}
