import boto3

def lambda_handler(event, context):
    # 处理请求
    # ...
    return {
        'statusCode': 200,
        'body': 'Hello from Lambda!'
    }
