drop index warnings_unique_node_id_project_id_entity_type_code_entity_id_type_code;
update warnings set entity_type_code = coalesce(entity_type_code, -1), entity_id = coalesce(entity_id, -1);
create unique index warnings_unique
  on warnings (ifnull(node_id, -1), ifnull(project_id, -1), entity_type_code, entity_id, type_code);
