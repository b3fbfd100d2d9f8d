create table warnings (
  id integer primary key autoincrement not null,
  node_id integer,
  project_id integer,
  entity_type_code integer,
  entity_id integer,
  uuid text not null,
  type_code integer not null,
  status integer not null,
  first_seen_date datetime not null,
  last_seen_date datetime not null,
  updated_date datetime,
  last_message text not null,
  count integer not null,
  unique (uuid),
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
create unique index warnings_unique_node_id_project_id_entity_type_code_entity_id_type_code
  on warnings (ifnull(node_id, -1), ifnull(project_id, -1), entity_type_code, entity_id, type_code);
insert into warnings (node_id, uuid, type_code, status, first_seen_date, last_seen_date, last_message, count)
  values (2, 'w-1', 1, 1, '2026-02-01', '2026-02-02', 'low on disk', 3);
