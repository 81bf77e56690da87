import t from 'tap'
import {
  assertResident,
  ResidencyError,
  residencyProblem,
  residencyProblems,
} from '../../../../src/model/function/residency.ts'
import type { BackendSettings } from '../../../../src/model/function/function-placement.ts'
import {
  lambdaSettings,
  localSettings,
  urlSettings,
} from '../../../support/functions/placements.ts'

const europe = { residency: ['eu-*', 'westeurope'], homeRegion: 'eu-home' }

t.test('regions are allowed by name or by their beginning', async t => {
  const problem = (
    region: string | undefined,
    residency: string[] | undefined = europe.residency,
  ) => residencyProblem({ residency }, { name: 'x', region })
  for (const region of ['eu-central-1', 'eu-', 'westeurope']) t.equal(problem(region), undefined)
  for (const region of ['us-east-1', 'eu', 'westeurope2', 'EU-west-1', ' eu-west-1'])
    t.match(problem(region), 'is not allowed', region)
  for (const region of [undefined, '']) t.match(problem(region), 'its region is not known')
  t.match(problem('eu-west-1', []), 'allowed: none')
  t.equal(residencyProblem({ residency: undefined }, { name: 'x', region: undefined }), undefined)
  t.match(problem(undefined, ['*']), 'not known')
})

t.test('the last look throws', async t => {
  assertResident(europe, { name: 'x', region: 'eu-west-1' })
  t.throws(() => assertResident(europe, { name: 'x', region: 'us-east-1' }), ResidencyError)
  t.throws(() => assertResident(europe, { name: 'x', region: undefined }), { message: 'backend x' })
})

t.test('all problems of a configuration are named', async t => {
  const backends = [
    localSettings('here'),
    lambdaSettings('frankfurt', 'eu-central-1'),
    lambdaSettings('virginia', 'us-east-1'),
    { ...urlSettings('http', 'x', undefined), name: 'nowhere', region: undefined },
  ]
  const problems = residencyProblems(europe, backends)
  t.equal(problems.length, 2)
  t.match(problems[0], 'backend virginia: region us-east-1 is not allowed')
  t.match(problems[1], 'backend nowhere: its region is not known')
  t.match(residencyProblems({ ...europe, homeRegion: undefined }, [localSettings('here')]), [
    'backend here: its region is not known',
  ])
  t.same(residencyProblems({ residency: undefined, homeRegion: undefined }, backends), [])
})

t.test('an address that says another region is a problem', async t => {
  const cases: [BackendSettings, string | undefined][] = [
    [
      {
        ...lambdaSettings('a', 'eu-west-1'),
        functionName: 'arn:aws:lambda:us-east-1:1:function:f',
      },
      'us-east-1',
    ],
    [
      {
        ...lambdaSettings('a', 'eu-west-1'),
        functionName: 'arn:aws:lambda:eu-west-1:1:function:f',
      },
      undefined,
    ],
    [
      { ...lambdaSettings('a', 'eu-west-1'), endpoint: 'https://lambda.us-east-1.amazonaws.com' },
      'us-east-1',
    ],
    [
      {
        ...lambdaSettings('a', 'eu-west-1'),
        endpoint: 'https://vpce-1.lambda.us-east-2.vpce.amazonaws.com',
      },
      'us-east-2',
    ],
    [urlSettings('cloud-run', 'eu-x', 'https://a-123.us-central1.run.app'), 'us-central1'],
    [urlSettings('cloud-run', 'eu-x', 'https://us-east4-p.cloudfunctions.net'), 'us-east4'],
    [urlSettings('cloud-run', 'eu-x', 'https://a-abc-ew.a.run.app'), undefined],
    [
      urlSettings('azure-function', 'westeurope', 'https://a-1.eastus-01.azurewebsites.net'),
      'eastus',
    ],
    [
      urlSettings('azure-function', 'West Europe', 'https://a-1.westeurope-01.azurewebsites.net'),
      undefined,
    ],
  ]
  const open = { residency: undefined, homeRegion: undefined }
  for (const [backend, region] of cases) {
    const problems = residencyProblems(open, [backend])
    if (region === undefined) t.same(problems, [])
    else t.match(problems, [`but its address is in ${region}`])
  }
})
