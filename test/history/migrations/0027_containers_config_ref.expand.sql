create view containers_config_ref (project, node, name, key, value) as
  select projects.name, nodes.name, containers.name, containers_config.key, containers_config.value
  from containers_config
    join containers on containers.id = containers_config.container_id
    join projects on projects.id = containers.project_id
    join nodes on nodes.id = containers.node_id;
