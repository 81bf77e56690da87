// AWS's SDK for Python against functions of both of AWS's runtimes, all of them unmodified.
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import type { FunctionMesh } from '../support/functions/mesh.ts'
import { nodeRuntimeObstacle, startNodeMesh } from '../support/functions/node-runtime.ts'
import { pythonObstacle, runPython, startPythonMesh } from '../support/functions/python.ts'

const handlers = resolve(import.meta.dirname, '../support/functions/python')

interface Runtime {
  readonly name: string
  readonly obstacle: string | undefined
  readonly start: (t: Test) => Promise<FunctionMesh>
}

const runtimes: readonly Runtime[] = [
  {
    name: 'awslambdaric',
    obstacle: pythonObstacle(),
    start: t => startPythonMesh(t, handlers, 'acts.echo'),
  },
  {
    name: 'aws-lambda-ric',
    obstacle: pythonObstacle() ?? nodeRuntimeObstacle(),
    start: t => startNodeMesh(t, 'handlers.echo'),
  },
]

const script = `
import base64, boto3, botocore, botocore.config, json, os
client = boto3.client('lambda')
# As versions from before the variable need it.
explicit = boto3.client('lambda', endpoint_url=os.environ['AWS_ENDPOINT_URL_LAMBDA'],
                        config=botocore.config.Config(retries={'max_attempts': 0}))
found = {}

def invoke(name, using=client, **parameters):
    answer = using.invoke(FunctionName=name, **parameters)
    return [answer['StatusCode'], answer['Payload'].read().decode(), answer.get('FunctionError')]

arn = 'arn:aws:lambda:local:000000000000:function:echo'
found['name'] = invoke('echo', Payload='{"a":1}')
found['explicit'] = invoke('echo', using=explicit, Payload='{"a":1}')
found['arn'] = invoke(arn, Payload='[]')
found['partial'] = invoke('000000000000:function:echo', Payload='[]')
found['qualified'] = invoke(arn + ':$LATEST', Payload='[]')
found['qualifier'] = invoke('echo', Qualifier='$LATEST', Payload='[]')
found['empty'] = invoke('echo')
found['dry'] = invoke('echo', InvocationType='DryRun', Payload='[]')
found['failed'] = invoke('echo', Payload='"fail"')
tail = client.invoke(FunctionName='echo', LogType='Tail', Payload='1')
found['log'] = base64.b64decode(tail['LogResult']).decode()
found['version'] = tail['ExecutedVersion']
found['request'] = tail['ResponseMetadata']['RequestId']

def refusal(**parameters):
    try:
        return explicit.invoke(**parameters)['StatusCode']
    except botocore.exceptions.ClientError as error:
        status = error.response['ResponseMetadata']['HTTPStatusCode']
        return [type(error).__name__, status, error.response['Error']['Message']]

found['unknown'] = refusal(FunctionName='nobody')
found['unknownQualifier'] = refusal(FunctionName='echo', Qualifier='17')
found['notJson'] = refusal(FunctionName='echo', Payload='{no')
found['tooLarge'] = refusal(FunctionName='echo', Payload=json.dumps('x' * 6291556))

def stream(payload):
    answer = client.invoke_with_response_stream(FunctionName='echo', Payload=payload)
    text, end = '', None
    for event in answer['EventStream']:
        text += event.get('PayloadChunk', {}).get('Payload', b'').decode()
        end = event.get('InvokeComplete', end)
    return [text, end]

found['stream'] = stream('{"a":1}')
found['brokenStream'] = stream('"fail"')
print(json.dumps(found))
`

for (const { name, obstacle, start } of runtimes)
  t.test(`boto3 and ${name}`, obstacle === undefined ? {} : { skip: obstacle }, async t => {
    const mesh = await start(t)
    const found = JSON.parse(await runPython(mesh.caller.ports.outbound, script))
    const list = [200, '[]', null]
    const object = [200, /^\{"a": ?1\}$/, null]
    t.match(found, {
      name: object,
      explicit: object,
      arn: list,
      partial: list,
      qualified: list,
      qualifier: list,
      empty: [200, '{}', null],
      dry: [204, '', null],
      failed: [200, /"errorMessage": ?"as told"/, 'Unhandled'],
      log: /^START RequestId: [^]*echoes\nEND RequestId: [^]*REPORT /,
      version: '$LATEST',
      request: /^[0-9a-f-]{36}$/,
      unknown: [
        'ResourceNotFoundException',
        404,
        'Function not found: arn:aws:lambda:local:000000000000:function:nobody:$LATEST',
      ],
      unknownQualifier: ['ResourceNotFoundException', 404],
      notJson: ['InvalidRequestContentException', 400, /^Could not parse request body into json/],
      tooLarge: ['RequestTooLargeException', 413],
      stream: [/^\{"a": ?1\}$/, {}],
      brokenStream: ['', { ErrorCode: /Error/, ErrorDetails: /as told/ }],
    })
  })
