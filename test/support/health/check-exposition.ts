/**
 * What a strict reader of Prometheus' text format, such as `promtool check metrics`, finds wrong with `text`: written
 * by the format's description alone, and by hand, so that it shares no mistake with src/proxy/health/exposition.ts.
 */
export function checkExposition(text: string): string[] {
  const checker = new Checker()
  if (text !== '' && !text.endsWith('\n')) checker.problems.push('the last line does not end')
  text.split('\n').forEach((line, index) => checker.line(line, index + 1))
  return checker.problems
}

interface Family {
  help: boolean
  type: string | undefined
  samples: number
  closed: boolean
}

class Checker {
  readonly problems: string[] = []
  readonly #families = new Map<string, Family>()
  readonly #series = new Set<string>()
  #open: string | undefined

  line(line: string, at: number): void {
    const report = (problem: string) => this.problems.push(`line ${at}: ${problem}: ${line}`)
    if (line.trim() === '') return
    const words = line.split(' ')
    if (words[0] === '#') {
      const [, keyword, name = '', type] = words
      if (keyword !== 'HELP' && keyword !== 'TYPE') return
      const family = this.#enter(name, report)
      if (keyword === 'HELP') {
        if (family.help) report('a second HELP')
        family.help = true
        return
      }
      if (family.type !== undefined) report('a second TYPE')
      if (family.samples > 0) report('TYPE after samples')
      if (!['counter', 'gauge', 'histogram', 'summary', 'untyped'].includes(type ?? ''))
        report('unknown type')
      family.type = type
      return
    }
    const sample = parseSample(line)
    if (typeof sample === 'string') return void report(sample)
    this.#enter(this.#familyOf(sample.name), report).samples++
    if (this.#series.has(sample.series)) report('a second sample of the same series')
    this.#series.add(sample.series)
  }

  #familyOf(name: string): string {
    for (const suffix of ['_bucket', '_sum', '_count']) {
      const base = name.endsWith(suffix) ? name.slice(0, -suffix.length) : ''
      const type = this.#families.get(base)?.type
      if (type === 'histogram' || (type === 'summary' && suffix !== '_bucket')) return base
    }
    return name
  }

  #enter(name: string, report: (problem: string) => void): Family {
    if (name !== this.#open) {
      const before = this.#families.get(this.#open ?? '')
      if (before !== undefined) before.closed = true
      this.#open = name
    }
    const family = this.#families.get(name) ?? {
      help: false,
      type: undefined,
      samples: 0,
      closed: false,
    }
    if (family.closed) report('the family stands in two places')
    this.#families.set(name, family)
    return family
  }
}

function parseSample(line: string): { name: string; series: string } | string {
  let at = 0
  const word = (first: RegExp, more: RegExp): string => {
    const from = at
    if (first.test(line[at] ?? '')) while (at < line.length && more.test(line[at] ?? '')) at++
    return line.slice(from, at)
  }
  const name = word(/[a-zA-Z_:]/, /[a-zA-Z0-9_:]/)
  if (name === '') return 'no name'
  const labels: string[] = []
  if (line[at] === '{') {
    at++
    while (line[at] !== '}') {
      const label = word(/[a-zA-Z_]/, /[a-zA-Z0-9_]/)
      if (label === '') return 'no label'
      if (line[at++] !== '=' || line[at++] !== '"') return 'a label without value'
      const from = at
      for (; line[at] !== '"'; at++) {
        if (at >= line.length) return 'a label value without end'
        if (line[at] === '\\' && !['\\', '"', 'n'].includes(line[++at] ?? '')) return 'bad escape'
      }
      if (labels.some(other => other.startsWith(`${label}=`))) return 'a label twice'
      labels.push(`${label}=${line.slice(from, at++)}`)
      if (line[at] === ',') at++
      else if (line[at] !== '}') return 'labels that are not separated'
    }
    at++
  }
  if (line[at] !== ' ') return 'no space before the value'
  const [value = '', timestamp, ...rest] = line.slice(at + 1).split(' ')
  const special = ['NaN', 'Nan', '+Inf', '-Inf', 'Inf'].includes(value)
  if (!special && (value === '' || Number.isNaN(Number(value)))) return 'no value'
  if (timestamp !== undefined && !Number.isInteger(Number(timestamp))) return 'bad timestamp'
  if (rest.length > 0) return 'more than value and timestamp'
  return { name, series: `${name}{${labels.sort().join(',')}}` }
}
