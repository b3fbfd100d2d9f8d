create trigger on_project_delete after delete on projects begin
  delete from auth_groups_permissions where entity_type = 7 and entity_id = old.id;
  delete from warnings where entity_type_code = 7 and entity_id = old.id;
end;
create trigger on_instance_delete after delete on instances begin
  delete from auth_groups_permissions where entity_type = 1 and entity_id = old.id;
  delete from warnings where entity_type_code = 1 and entity_id = old.id;
end;
