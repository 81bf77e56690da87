// AWS's own runtime client and SDK for Python, unmodified.
import { resolve } from 'node:path'
import t from 'tap'
import { pythonObstacle, runPython, startPythonMesh } from '../support/functions/python.ts'

const handlers = resolve(import.meta.dirname, '../support/functions/python')
const example = resolve(import.meta.dirname, '../../examples/functions/hello-python')
const obstacle = pythonObstacle()
const options = obstacle === undefined ? {} : { skip: obstacle }

t.test('the example runs, by HTTP and by boto3', options, async t => {
  const mesh = await startPythonMesh(t, example, 'lambda_function.lambda_handler')
  const { status, body } = await mesh.call()
  t.equal(status, 200)
  t.equal(body, 'Hello from Lambda!')
  const printed = await runPython(
    mesh.caller.ports.outbound,
    `import boto3
answer = boto3.client('lambda').invoke(FunctionName='echo', LogType='Tail')
print(answer['StatusCode'], answer['Payload'].read().decode(), 'LogResult' in answer)`,
  )
  t.equal(printed, '200 {"statusCode": 200, "body": "Hello from Lambda!"} True\n')
})

t.test('boto3 raises what it raises for AWS', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'handlers.fail')
  const printed = await runPython(
    mesh.caller.ports.outbound,
    `import boto3, botocore
client = boto3.client('lambda')
answer = client.invoke(FunctionName='echo', Payload='{"length": 3}')
print(answer['FunctionError'], answer['Payload'].read().decode())
for name, payload in (('nobody', '{}'), ('echo', '{no')):
    try:
        client.invoke(FunctionName=name, Payload=payload)
    except botocore.exceptions.ClientError as error:
        print(type(error).__name__)`,
  )
  const [failure = '', ...exceptions] = printed.trim().split('\n')
  t.match(failure, /^Unhandled .*"errorType": "ValueError"/)
  t.same(exceptions, ['ResourceNotFoundException', 'InvalidRequestContentException'])
})

t.test('the handler’s context knows the invocation', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'handlers.identify')
  const { body, headers } = await mesh.invoke({})
  const { request, arn, remaining } = JSON.parse(body)
  t.equal(request, headers['x-amzn-requestid'])
  t.equal(arn, 'arn:aws:lambda:local:000000000000:function:echo')
  t.ok(remaining > 0 && remaining <= 3000)
})

t.test('an error of a megabyte costs the runtime nothing', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'handlers.fail')
  const pid = (await mesh.invoke({})).body
  const { body, headers } = await mesh.invoke({ length: 1_000_000 })
  t.equal(headers['x-amz-function-error'], 'Unhandled')
  t.equal(JSON.parse(body).errorMessage.length, 1_000_000)
  t.equal((await mesh.invoke({})).body, pid)
})

t.test('code that can’t be loaded fails with what the runtime says of it', options, async t => {
  const errorOf = async (handler: string) => {
    const mesh = await startPythonMesh(t, handlers, handler)
    const { body, headers } = await mesh.invoke({})
    t.equal(headers['x-amz-function-error'], 'Unhandled')
    return JSON.parse(body)
  }
  const unloadable = await errorOf('unloadable.handler')
  t.equal(unloadable.errorType, 'Runtime.ImportModuleError')
  t.match(unloadable.errorMessage, /nothing_of_that_name/)
  t.equal((await errorOf('handlers.nothing')).errorType, 'Runtime.HandlerNotFound')
})
