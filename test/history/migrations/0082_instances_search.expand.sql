create table instances_labels (
  instance_id integer not null references instances (id) on delete cascade,
  label text not null,
  primary key (instance_id, label)
) without rowid;
insert into instances_labels select instance_id, key || '=' || value from instances_config;
create view projects_usage (project, instances, volumes) as
  select p.name, (select count(*) from instances i where i.project_id = p.id),
    (select count(*) from storage_volumes v where v.project_id = p.id) from projects p;
