/* Operators as calls of the runtime, one for each. */
#include "compiler/typescript/module.h"
#include "spec/event/upcast_op.h"

static void write_ops(struct ts_module *module, const struct upcaster *upcaster, const struct upcast_ops *ops,
    size_t indent);

static void write_path(struct ts_module *module, const struct upcast_path *path)
{
    strbuf_append_str(module->out, STR("{ names: ["));
    for (size_t i = 0; i < path->count; i++) {
        strbuf_append_text(module->out, i ? ", " : "");
        ts_write_text(module, path->names[i]);
    }
    strbuf_append_str(module->out, STR("], text: "));
    ts_write_text(module, path->text);
    strbuf_append_str(module->out, STR(" }"));
}

static void write_paths(struct ts_module *module, const struct upcast_op *op)
{
    strbuf_append_char(module->out, '[');
    for (size_t i = 0; i < op->path_count; i++) {
        strbuf_append_text(module->out, i ? ", " : "");
        write_path(module, &op->paths[i]);
    }
    strbuf_append_char(module->out, ']');
}

static void write_assignments(struct ts_module *module, const struct upcast_op *op)
{
    strbuf_append_text(module->out, op->kind == UPCAST_DEFAULT ? "assign(true, [" : "assign(false, [");
    for (size_t i = 0; i < op->assignment_count; i++) {
        strbuf_append_text(module->out, i ? ", [" : "[");
        write_path(module, &op->assignments[i].path);
        strbuf_append_str(module->out, STR(", "));
        ts_write_expression(module, &op->assignments[i].value);
        strbuf_append_char(module->out, ']');
    }
    strbuf_append_str(module->out, STR("])"));
}

static void write_pairs(struct ts_module *module, const struct upcast_op *op)
{
    strbuf_append_str(module->out, STR("move(["));
    for (size_t i = 0; i < op->pair_count; i++) {
        strbuf_append_text(module->out, i ? ", [" : "[");
        write_path(module, &op->pairs[i].from);
        strbuf_append_str(module->out, STR(", "));
        write_path(module, &op->pairs[i].to);
        strbuf_append_char(module->out, ']');
    }
    strbuf_append_str(module->out, STR("])"));
}

static void write_conversions(struct ts_module *module, const struct upcast_op *op)
{
    strbuf_append_str(module->out, STR("convert(["));
    for (size_t i = 0; i < op->conversion_count; i++) {
        const struct upcast_convert *item = &op->conversions[i];

        strbuf_append_text(module->out, i ? ", [" : "[");
        write_path(module, &item->path);
        if (item->has_from)
            strbuf_printf(module->out, ", \"%s\"", upcast_conversion_name(item->from));
        else
            strbuf_append_str(module->out, STR(", null"));
        strbuf_printf(module->out, ", \"%s\"]", upcast_conversion_name(item->to));
    }
    strbuf_append_str(module->out, STR("])"));
}

static void write_maps(struct ts_module *module, const struct upcast_op *op)
{
    strbuf_append_str(module->out, STR("mapValues(["));
    for (size_t i = 0; i < op->map_count; i++) {
        const struct upcast_map_values *map = &op->maps[i];

        strbuf_append_text(module->out, i ? ", [" : "[");
        write_path(module, &map->path);
        strbuf_append_str(module->out, STR(", ["));
        for (size_t k = 0; k < map->count; k++) {
            strbuf_append_text(module->out, k ? ", [" : "[");
            ts_write_text(module, map->mappings[k].old);
            strbuf_append_str(module->out, STR(", "));
            ts_write_scalar(module, map->mappings[k].event_value);
            strbuf_append_char(module->out, ']');
        }
        strbuf_append_str(module->out, STR("], "));
        if (map->has_else)
            ts_write_expression(module, &map->otherwise);
        else
            strbuf_append_str(module->out, STR("null"));
        strbuf_append_char(module->out, ']');
    }
    strbuf_append_str(module->out, STR("])"));
}

static void write_when(
    struct ts_module *module, const struct upcaster *upcaster, const struct upcast_op *op, size_t indent)
{
    strbuf_append_str(module->out, STR("when("));
    ts_write_expression(module, &op->condition);
    strbuf_append_str(module->out, STR(", "));
    write_ops(module, upcaster, &op->then_ops, indent);
    strbuf_append_str(module->out, STR(", "));
    write_ops(module, upcaster, &op->else_ops, indent);
    strbuf_append_text(module->out, op->fans_out ? ", true)" : ", false)");
}

static void write_branches(
    struct ts_module *module, const struct upcaster *upcaster, const struct upcast_op *op, size_t indent)
{
    strbuf_append_str(module->out, STR("splitEvent("));
    ts_write_text(module, upcaster->type);
    strbuf_append_str(module->out, STR(", ["));
    for (size_t i = 0; i < op->branch_count; i++) {
        strbuf_append_text(module->out, i ? ", [" : "[");
        ts_write_text(module, op->branches[i].type);
        strbuf_append_str(module->out, STR(", "));
        write_ops(module, upcaster, &op->branches[i].ops, indent);
        strbuf_append_char(module->out, ']');
    }
    strbuf_append_str(module->out, STR("])"));
}

static void write_op(struct ts_module *module, const struct upcaster *upcaster, const struct upcast_op *op, size_t indent)
{
    struct strbuf *out = module->out;

    switch (op->kind) {
    case UPCAST_DEFAULT:
    case UPCAST_SET:
        write_assignments(module, op);
        break;
    case UPCAST_REMOVE:
        strbuf_append_str(out, STR("remove("));
        write_paths(module, op);
        strbuf_append_char(out, ')');
        break;
    case UPCAST_RENAME:
    case UPCAST_MOVE:
        write_pairs(module, op);
        break;
    case UPCAST_CONVERT:
        write_conversions(module, op);
        break;
    case UPCAST_MAP_VALUES:
        write_maps(module, op);
        break;
    case UPCAST_SPLIT:
        strbuf_append_str(out, STR("split("));
        write_path(module, &op->path);
        strbuf_append_str(out, STR(", "));
        write_paths(module, op);
        strbuf_append_str(out, STR(", "));
        ts_write_text(module, op->separator);
        strbuf_append_char(out, ')');
        break;
    case UPCAST_COMBINE:
        strbuf_append_str(out, STR("combine("));
        write_paths(module, op);
        strbuf_append_str(out, STR(", "));
        write_path(module, &op->path);
        strbuf_append_str(out, STR(", "));
        ts_write_text(module, op->separator);
        strbuf_append_char(out, ')');
        break;
    case UPCAST_EACH:
        strbuf_append_str(out, STR("each("));
        write_path(module, &op->path);
        strbuf_append_str(out, STR(", "));
        write_ops(module, upcaster, &op->then_ops, indent);
        strbuf_append_char(out, ')');
        break;
    case UPCAST_WHEN:
        write_when(module, upcaster, op, indent);
        break;
    case UPCAST_RENAME_TYPE:
        strbuf_append_str(out, STR("renameType("));
        ts_write_text(module, upcaster->type);
        strbuf_append_str(out, STR(", "));
        if (op->type_from.len)
            ts_write_text(module, op->type_from);
        else
            strbuf_append_str(out, STR("null"));
        strbuf_append_str(out, STR(", "));
        ts_write_text(module, op->type_to);
        strbuf_append_char(out, ')');
        break;
    case UPCAST_SPLIT_EVENT:
        write_branches(module, upcaster, op, indent);
        break;
    case UPCAST_DROP_EVENT:
        strbuf_append_str(out, STR("dropEvent("));
        ts_write_expression(module, &op->condition);
        strbuf_append_char(out, ')');
        break;
    }
}

static void new_line(struct ts_module *module, size_t indent)
{
    strbuf_printf(module->out, "\n%*s", (int)(4 * indent), "");
}

static void write_ops(
    struct ts_module *module, const struct upcaster *upcaster, const struct upcast_ops *ops, size_t indent)
{
    strbuf_append_char(module->out, '[');
    for (size_t i = 0; i < ops->count; i++) {
        new_line(module, indent + 1);
        write_op(module, upcaster, &ops->items[i], indent + 1);
        strbuf_append_char(module->out, ',');
    }
    if (ops->count)
        new_line(module, indent);
    strbuf_append_char(module->out, ']');
}

void ts_write_operators(struct ts_module *module, const struct upcaster *upcaster, size_t indent)
{
    write_ops(module, upcaster, &upcaster->ops, indent);
}
