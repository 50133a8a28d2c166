"""What the service would say that a request consumed, where moto says the same of every item or nothing.

By DynamoDB's rules: reads by 4 KB (half of that where they are eventually consistent), each item of a batch by itself, pages
by what was looked at; writes by 1 KB of the larger of the item before and after, twice that in a transaction. Indexes are
left out. Of a filtered page it is not known which items were looked at: they are thought to have the table's mean size.
"""
import math

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

ACCOUNT = "123456789012"
NUMBER_BYTES = 8  # about


def text_size(kind, text):
    text = text if isinstance(text, bytes) else text.encode()
    return len(text) if kind != "B" else len(text) * 3 // 4  # base64


def value_size(value):
    kind, inner = (value.type, value.value) if isinstance(value, DynamoType) else next(iter(value.items()))
    if kind in ("S", "B"):
        return text_size(kind, inner)
    if kind == "N":
        return NUMBER_BYTES
    if kind in ("SS", "NS", "BS"):
        return sum(text_size(kind[0], one) for one in inner)
    if kind == "L":
        return 3 + sum(1 + value_size(one) for one in inner)
    return 3 + sum(1 + len(name.encode()) + value_size(one) for name, one in inner.items()) if kind == "M" else 1


def item_size(item):
    return sum(len(name.encode()) + value_size(value) for name, value in (item or {}).items())


def read_units(size, consistent):
    return max(1, math.ceil(size / 4096)) * (1 if consistent else 0.5)


class Table:
    def __init__(self, region, name):
        self.name, self.table = name, dynamodb_backends[ACCOUNT][region].tables.get(name)

    def item(self, key):
        if not self.table or self.table.hash_key_attr not in key:
            return None
        found = self.table.get_item(DynamoType(key[self.table.hash_key_attr]),
                                    DynamoType(key[self.table.range_key_attr]) if self.table.has_range_key else None)
        return found and found.attrs

    def mean_size(self):
        sizes = [item_size(item.attrs) for item in self.table.all_items()]
        return sum(sizes) / len(sizes) if sizes else 0


class Consumption:
    """Of one request: made before moto answers it, read afterwards."""

    def __init__(self, region, action, params):
        self.region, self.action, self.params = region, action, params
        self.writes = [(one, key, Table(region, one["TableName"]).item(key), factor)
                       for one, key, factor in self.written()]

    def written(self):
        if self.action == "TransactWriteItems":
            for action in self.params["TransactItems"]:
                for one in action.values():
                    yield one, one.get("Key") or one["Item"], 2
        elif self.action in ("PutItem", "UpdateItem", "DeleteItem"):
            yield self.params, self.params.get("Key") or self.params["Item"], 1

    def shares(self, answer):
        """{table: units}"""
        out = {}
        for one, key, before, factor in self.writes:
            after = Table(self.region, one["TableName"]).item(key)
            units = factor * max(1, math.ceil(max(item_size(before), item_size(after)) / 1024))
            out[one["TableName"]] = out.get(one["TableName"], 0) + units
        if self.action == "GetItem":
            out[self.params["TableName"]] = read_units(item_size(answer.get("Item")), self.params.get("ConsistentRead"))
        if self.action in ("Query", "Scan"):
            scanned, count = answer.get("ScannedCount", 0), answer.get("Count", 0)
            size = sum(item_size(item) for item in answer.get("Items", []))
            if scanned > count or "ProjectionExpression" in self.params:
                size = scanned * Table(self.region, self.params["TableName"]).mean_size()
            out[self.params["TableName"]] = read_units(size, self.params.get("ConsistentRead"))
        if self.action == "BatchGetItem":
            for name, wanted in self.params["RequestItems"].items():
                items = answer["Responses"].get(name, [])
                out[name] = sum(read_units(item_size(item), wanted.get("ConsistentRead")) for item in items)
                out[name] += (len(wanted["Keys"]) - len(items)) * read_units(0, wanted.get("ConsistentRead"))
        return out

    def state_in(self, answer):
        shares = [{"TableName": name, "CapacityUnits": float(units)} for name, units in self.shares(answer).items()]
        answer.pop("ConsumedCapacity", None)
        if shares:
            answer["ConsumedCapacity"] = shares if self.action in ("TransactWriteItems", "BatchGetItem") else shares[0]
