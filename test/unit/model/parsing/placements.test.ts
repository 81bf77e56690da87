import t from 'tap'
import { problemsIn } from '../configurations.ts'

const mesh = (region?: string): string => `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
${region === undefined ? '' : `spec: { region: ${region} }`}
---`

function placed(backends: readonly string[], more = ''): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: hello }
spec:
  runtime: python3
  code: .
  placement:
    ${more}
    backends: [${backends.map(backend => `{ ${backend} }`).join(', ')}]
---`
}

const local = 'name: here, kind: local'
const lambda = 'name: aws, kind: aws-lambda, function: hello, region: eu-west-1'
const far = (url: string, more = ''): string => `name: far, kind: http, url: "${url}"${more}`

/** Without where they stand. */
function said(...texts: string[]): string[] {
  return problemsIn(...texts).map(problem => problem.replace(/^\S+ spec\.placement\.backends/, ''))
}

t.test(
  'functions without a placement, and those that may run anywhere, are no problem',
  async t => {
    t.strictSame(said(placed([local, lambda, far('https://far.example/x')])), [])
    t.strictSame(
      said(`
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: hello }
spec: { runtime: python3, code: . }
---`),
      [],
    )
  },
)

t.test('a problem says which backend it is of', async t => {
  t.match(problemsIn(placed([local, far('http://far.example')])), [
    /^0\.yaml:10:\d+ spec\.placement\.backends\[1\]: only https is allowed/,
  ])
})

t.test('what goes to other machines is encrypted on its way', async t => {
  t.strictSame(said(placed([far('http://far.example')])), [
    '[0]: only https is allowed, unless allowPlainHttp is set',
  ])
  t.strictSame(said(placed([`${lambda}, endpoint: "http://aws.example"`])), [
    '[0]: only https is allowed, unless allowPlainHttp is set',
  ])
  t.strictSame(said(placed([far('http://far.example', ', allowPlainHttp: true')])), [])
  t.strictSame(said(placed([far('http://127.0.0.1:8080')])), [])
})

t.test('no secret stands in a URL', async t => {
  for (const login of ['me:secret@', 'me@', ':secret@'])
    t.strictSame(said(placed([far(`https://${login}far.example`)])), [
      '[0]: its URL must not hold a password; name a file that does',
    ])
  t.strictSame(said(placed([far('https://far.example/x?code=secret')])), [
    '[0]: its URL must not have a query; a key goes into keyFile',
  ])
  const all = said(placed([far('http://me:s3cr3t@far.example/?code=s3cr3t')]))
  t.equal(all.length, 3)
  t.notMatch(all.join(), /s3cr3t/, 'nor in what is said of it')
})

t.test('a region of AWS looks like one', async t => {
  const odd = 'name: aws, kind: aws-lambda, function: hello, region: "EU West/1"'
  t.strictSame(said(placed([odd])), ['[0]: its region is no region of AWS'])
})

t.test('data stays where it may be', async t => {
  const eu = 'residency: [eu-*, local-1]'
  t.strictSame(said(mesh('local-1'), placed([local, lambda], eu)), [])
  const us = 'name: us, kind: aws-lambda, function: hello, region: us-east-1'
  t.strictSame(said(mesh('us-1'), placed([local, us], eu)), [
    '[0]: backend here: region us-1 is not allowed (allowed: eu-*, local-1)',
    '[1]: backend us: region us-east-1 is not allowed (allowed: eu-*, local-1)',
  ])
})

t.test(
  'a region that nobody has named is not allowed, and it is said where to name it',
  async t => {
    const eu = 'residency: [eu-*]'
    const unknown = 'its region is not known (allowed: eu-*)'
    t.strictSame(said(placed([local], eu)), [
      `[0]: backend here: ${unknown}; give spec.region of the Mesh`,
    ])
    t.strictSame(said(mesh(), placed([local], eu)), [
      `[0]: backend here: ${unknown}; give spec.region of the Mesh`,
    ])
    t.strictSame(said(mesh('eu-1'), placed([local], eu)), [])
    t.strictSame(said(placed([far('https://far.example')], eu)), [
      `[0]: backend far: ${unknown}; give its region`,
    ])
  },
)

t.test('the hint goes with the problem that it solves', async t => {
  t.strictSame(said(placed([far('http://far.example')], 'residency: [eu-*]')), [
    '[0]: only https is allowed, unless allowPlainHttp is set',
    '[0]: backend far: its region is not known (allowed: eu-*); give its region',
  ])
})

t.test('an address in another region than is said is found out', async t => {
  const run = (region: string): string =>
    `name: run, kind: cloud-run, region: ${region}, url: "https://hello-123.us-central1.run.app"`
  t.strictSame(said(placed([run('europe-west1')], 'residency: [europe-*]')), [
    '[0]: backend run: its region is given as europe-west1, but its address is in us-central1',
  ])
  t.strictSame(said(placed([run('us-central1')])), [])
  const arn = 'arn:aws:lambda:us-east-1:123456789012:function:hello'
  t.match(said(placed([`name: aws, kind: aws-lambda, region: eu-west-1, function: "${arn}"`])), [
    /is given as eu-west-1, but its address is in us-east-1$/,
  ])
})

t.test('the region of the Mesh counts, whichever document comes first', async t => {
  const eu = 'residency: [eu-1]'
  t.strictSame(said(placed([local], eu), mesh('eu-1')), [])
})
