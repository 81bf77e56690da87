import os


def echo(event, context):
    return event


def identify(event, context):
    return {
        "pid": os.getpid(),
        "request": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis(),
    }


def fail(event, context):
    if "length" not in event:
        return os.getpid()
    # The runtime repeats it in a header.
    raise ValueError("x" * event["length"])
