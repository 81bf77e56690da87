import t from 'tap'
import type { Pod } from '../../../../../../src/control/kubernetes/injection/pod/pod.ts'
import { takeOverScraping } from '../../../../../../src/control/kubernetes/injection/pod/scraping.ts'

const toSidecar = {
  'prometheus.io/scrape': 'true',
  'prometheus.io/port': '15020',
  'prometheus.io/path': '/metrics',
}

function scraping(annotations: Record<string, string>, ports: readonly number[] = [8080]) {
  const pod = {
    metadata: { annotations },
    spec: {
      containers: [{ name: 'a', ports: ports.map(containerPort => ({ containerPort })) }],
    },
  }
  return takeOverScraping(pod as Pod)
}

t.test('Prometheus is led to the sidecar', async t => {
  t.same(scraping({}), { annotations: toSidecar })
  t.same(takeOverScraping({ spec: { containers: [{ name: 'a' }] } }), { annotations: toSidecar })
})

t.test('the sidecar is told where the application has its metrics', async t => {
  const scrape = { 'prometheus.io/scrape': 'true' }
  const application = (more: Record<string, string>) => scraping({ ...scrape, ...more }).application
  t.equal(
    application({ 'prometheus.io/port': '9100', 'prometheus.io/path': '/m?x=1' }),
    '9100/m?x=1',
  )
  t.equal(application({ 'prometheus.io/path': 'm' }), '8080/m', 'the only port there is')
  t.equal(application({ 'prometheus.io/scheme': 'http' }), '8080/metrics')
  t.same(scraping({ ...scrape, 'prometheus.io/port': '9100' }).annotations, toSidecar)
})

t.test('who does not want to be scraped is not', async t => {
  t.same(scraping({ 'prometheus.io/scrape': 'false' }), { annotations: {} })
})

t.test('what the sidecar cannot fetch stays with Prometheus, and a note says why', async t => {
  const scrape = { 'prometheus.io/scrape': 'true' }
  for (const [annotations, why, ports] of [
    [{ 'prometheus.io/scheme': 'https' }, /scheme is not http/, [1]],
    [{ 'prometheus.io/port': 'http' }, /port is no port/, [1]],
    [{ 'prometheus.io/port': '70000' }, /port is no port/, [1]],
    [{ 'prometheus.io/path': '/a b' }, /path is no path/, [1]],
    [{ 'prometheus.io/param_format': 'x' }, /param_format cannot be passed on/, [1]],
    [{}, /does not say which port/, [1, 2]],
    [{}, /does not say which port/, []],
  ] as const) {
    const found = scraping({ ...scrape, ...annotations }, ports)
    t.same(found.annotations, {})
    t.match(found.note, why)
  }
})
