"""A handler whose events and answers are encrypted: a JWE in compact form, alg dir, enc A256GCM (RFC 7516)."""

import base64
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def open_event(event, key):
    head, _, nonce, text, tag = event["weftEncrypted"].split(".")
    header = json.loads(decode(head))
    if header["alg"] != "dir" or header["enc"] != "A256GCM" or header["weftUse"] != "event":
        raise ValueError("not an encrypted event")
    plain = AESGCM(key).decrypt(decode(nonce), decode(text) + decode(tag), head.encode())
    return json.loads(plain), header["weftId"]


def seal_answer(answer, event_id, key):
    header = {"alg": "dir", "enc": "A256GCM", "weftUse": "answer", "weftId": event_id}
    head = encode(json.dumps(header).encode())
    nonce = os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, json.dumps(answer).encode(), head.encode())
    parts = [head, "", encode(nonce), encode(sealed[:-16]), encode(sealed[-16:])]
    return {"weftEncrypted": ".".join(parts)}


def lambda_handler(event, context, key=None):
    key = key or base64.b64decode(os.environ["WEFT_KEY"])
    plain, event_id = open_event(event, key)
    return seal_answer({"got": plain}, event_id, key)


if __name__ == "__main__":
    json.dump(lambda_handler(json.load(sys.stdin), None), sys.stdout)
